"""Encoder and decoder: shapes, folding, strides, and steps against teacher forcing."""

from itertools import product
from urllib.error import URLError

import pytest
import torch
import torchvision
from safetensors.torch import save_file

from training.config.settings import DECODERS as DECODER_NAMES
from training.config.settings import ConfigError, ModelConfig
from training.model.captioning import DECODERS, build_model
from training.model.encoder import build_classifier, build_encoder, fold_batch_norm

WORDS = 20


@pytest.fixture
def frames():
    return torch.randint(0, 256, (2, 64, 64, 3), dtype=torch.uint8)


@pytest.mark.parametrize(("name", "channels"), [("resnet18", 512), ("resnet50", 2048)])
def test_encoder_gives_a_grid(frames, name, channels):
    encoder = build_encoder(ModelConfig(encoder=name, encoder_weights="random"))
    with torch.inference_mode():
        assert encoder(frames).shape == (2, 4, channels)


def test_frames_are_normalised_as_the_published_weights_want():
    published = torchvision.models.ResNet50_Weights.DEFAULT.transforms()
    encoder = build_encoder(ModelConfig(encoder="resnet18", encoder_weights="random"))
    assert encoder.mean.flatten().tolist() == pytest.approx([255 * x for x in published.mean])
    found = encoder.inverse_std.flatten().tolist()
    assert found == pytest.approx([1 / (255 * x) for x in published.std])


def test_folded_batch_norm_computes_the_same():
    torch.manual_seed(0)
    trunk = torchvision.models.resnet18().eval()
    for module in trunk.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.normal_(module.running_mean, std=0.1)
            torch.nn.init.uniform_(module.running_var, 0.5, 2)
    image = torch.randn(1, 3, 64, 64)
    with torch.inference_mode():
        expected = trunk(image)
        fold_batch_norm(trunk)
        torch.testing.assert_close(trunk(image), expected, rtol=1e-4, atol=1e-5)
    assert not any(isinstance(m, torch.nn.BatchNorm2d) for m in trunk.modules())


@pytest.mark.parametrize("stages_done", [0, 1, 4])
def test_a_grid_is_what_torchvision_makes_of_normalised_pixels_row_by_row(tmp_path, stages_done):
    torch.manual_seed(0)
    trunk = torchvision.models.resnet18().eval()
    save_file(trunk.state_dict(), tmp_path / "weights.safetensors")
    weights = str(tmp_path / "weights.safetensors")
    encoder = build_encoder(ModelConfig(encoder="resnet18", encoder_weights=weights))
    frames = torch.randint(0, 256, (2, 64, 96, 3), dtype=torch.uint8)  # 2 rows of 3 cells
    mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    with torch.inference_mode():
        maps = ((frames / 255 - mean) / std).permute(0, 3, 1, 2)
        for name in ("conv1", "bn1", "relu", "maxpool", "layer1", "layer2", "layer3", "layer4"):
            maps = getattr(trunk, name)(maps)
        cells = [maps[:, :, row, column] for row in range(2) for column in range(3)]
        images = encoder.lower(frames, stages_done) if stages_done else frames
        found = encoder(images, stages_done)
    torch.testing.assert_close(found, torch.stack(cells, dim=1), rtol=1e-3, atol=1e-4)


def test_strides_move_to_the_first_convolution_for_v1_weights():
    config = ModelConfig(encoder="resnet50", encoder_weights="random", stride_in_1x1=True)
    block = build_encoder(config).stages[1][0]
    assert block.conv1.stride == (2, 2) and block.conv2.stride == (1, 1)


@pytest.mark.parametrize(
    "error", [URLError("Connection refused"), RuntimeError("invalid hash value")]
)
def test_weights_that_cannot_be_fetched_are_one_line(monkeypatch, error):
    def fail(*_, **__):
        raise error

    monkeypatch.setattr(torchvision.models.ResNet18_Weights, "get_state_dict", fail)
    said = r"cannot fetch torchvision's weights of resnet18 \(.*(refused|hash).*; expected a way to"
    with pytest.raises(ConfigError, match=said):
        build_encoder(ModelConfig(encoder="resnet18"))


def test_weights_come_from_a_safetensors_file(tmp_path, frames):
    trunk = torchvision.models.resnet18().eval()
    file = tmp_path / "weights.safetensors"
    save_file(trunk.state_dict(), file)
    first, second = (
        build_encoder(ModelConfig(encoder="resnet18", encoder_weights=str(file))) for _ in range(2)
    )
    with torch.inference_mode():
        torch.testing.assert_close(first(frames), second(frames))


def test_a_classifier_needs_its_weights(tmp_path):
    state = torchvision.models.resnet18().state_dict()
    file = tmp_path / "weights.safetensors"
    save_file({name: tensor for name, tensor in state.items() if name[:3] != "fc."}, file)
    config = ModelConfig(encoder="resnet18", encoder_weights=str(file))
    build_encoder(config)
    with pytest.raises(ConfigError, match=r"does not fit the encoder: missing \['fc"):
        build_classifier(config)


def test_weights_may_tell_other_classes_than_imagenet(tmp_path):
    """As those of Places365 do."""
    trunk, file = torchvision.models.resnet18(num_classes=7), tmp_path / "weights.safetensors"
    save_file(trunk.state_dict(), file)
    config = ModelConfig(encoder="resnet18", encoder_weights=str(file))
    encoder, classes = build_classifier(config)
    assert torch.equal(classes.weight, trunk.fc.weight) and torch.equal(classes.bias, trunk.fc.bias)
    assert encoder.channels == build_encoder(config).channels == 512


def test_missing_weights_are_named():
    with pytest.raises(ConfigError, match="no file /nowhere"):
        build_encoder(ModelConfig(encoder_weights="/nowhere"))


def test_a_file_that_holds_no_weights_is_refused(tmp_path):
    file = tmp_path / "weights.safetensors"
    for content in (b"", b"no weights at all", b"\x80\x02pickled"):
        file.write_bytes(content)
        with pytest.raises(ConfigError, match="does not fit the encoder"):
            build_encoder(ModelConfig(encoder="resnet18", encoder_weights=str(file)))


def test_weights_of_another_network_are_refused(tmp_path):
    file = tmp_path / "weights.safetensors"
    save_file(torchvision.models.resnet18().state_dict(), file)
    with pytest.raises(ConfigError, match="does not fit"):
        build_encoder(ModelConfig(encoder="resnet50", encoder_weights=str(file)))
    save_file(torchvision.models.resnet34().state_dict(), file)  # a part of which would fit
    with pytest.raises(ConfigError, match=r"does not fit the encoder: .* unexpected \['layer1.2"):
        build_encoder(ModelConfig(encoder="resnet18", encoder_weights=str(file)))


@pytest.fixture(params=product(DECODERS, (0, 6)), ids=lambda param: f"{param[0]}-{param[1]}")
def model(request):
    """Each decoder, without evidence and with evidence for six words."""
    torch.manual_seed(0)
    tiny = {"encoder": "resnet18", "encoder_weights": "random", "width": 16, "hidden": 24}
    decoder, words = request.param
    config = ModelConfig(**tiny, decoder=decoder, evidence_words=words)
    return build_model(config, WORDS).eval()


def test_every_decoder_that_a_config_may_name_exists():
    assert tuple(DECODERS) == DECODER_NAMES


def test_steps_predict_what_teacher_forcing_predicts(model, frames):
    tokens = torch.randint(0, WORDS, (2, 3, 5))
    with torch.inference_mode():
        prepared = model.prepare(frames)
        everywhere = torch.ones(tokens.shape, dtype=torch.bool)
        forced = model.decoder(prepared, tokens, everywhere)[0].view(2, 3, 5, WORDS)
        h, c = (state[:, None].expand(-1, 3, -1) for state in (prepared.h0, prepared.c0))
        for place in range(5):
            logits, h, c, attention = model.decoder.step(
                tokens[:, :, place], h, c, prepared.features, prepared.keys, prepared.evidence
            )
            torch.testing.assert_close(logits, forced[:, :, place], rtol=1e-4, atol=1e-5)
            assert attention.shape == (2, 3, 4) and (attention.sum(-1) < 1 + 1e-6).all()


def test_every_word_hangs_on_the_image_and_on_the_words_before(model, frames):
    tokens = torch.tensor([[[0, 1, 2]], [[0, 1, 2]]])
    everywhere = torch.ones(tokens.shape, dtype=torch.bool)
    other = tokens.clone()
    other[:, :, 1] = 3
    with torch.inference_mode():
        prepared = model.prepare(frames)
        first, second = model.decoder(prepared, tokens, everywhere)[0].view(2, 3, WORDS)
        changed = model.decoder(prepared, other, everywhere)[0].view(2, 3, WORDS)[0]
    assert (first != second).any(dim=-1).all()
    assert torch.equal(changed[0], first[0]) and (changed[1:] != first[1:]).any(dim=-1).all()


def test_padding_does_not_reach_the_output_layer(model, frames):
    tokens = torch.zeros(2, 1, 4, dtype=torch.long)
    valid = torch.tensor([[[True, True, False, False]], [[True, False, False, False]]])
    with torch.inference_mode():
        logits, attention = model.decoder(model.prepare(frames), tokens, valid)
    assert logits.shape == (3, WORDS) and attention.shape == (2, 1, 4, 4)


def test_a_new_decoder_begins_where_training_is_quick(model):
    """Words apart from each other, memory that is kept, and evidence in full."""
    decoder, hidden = model.decoder, 24
    assert decoder.embedding.weight.norm(dim=1).mean().item() == pytest.approx(3.5, rel=0.1)
    gates = decoder.from_word.bias.detach().unflatten(0, (-1, hidden))
    assert (gates[1] == 1).all() and (gates[[0, 2, 3]].abs() < 1).all()
    memory = decoder.from_memory.weight
    torch.testing.assert_close(memory.T @ memory, torch.eye(hidden), rtol=0, atol=1e-5)
    if decoder.evidence is not None:
        assert not decoder.evidence_scale.weight.any()


def test_dropout_is_on_the_grid_on_words_and_before_the_output_layer(model, frames):
    seen, tokens = [], torch.zeros(2, 1, 4, dtype=torch.long)
    model.decoder.dropout.register_forward_hook(lambda _, given, __: seen.append(given[0].shape))
    model.decoder(model.prepare(frames), tokens, tokens == 0)
    assert seen == [(2, 4, 512), (2, 1, 4, 24), (8, 24)]


def lstm_cell(decoder, gates, inputs, h, c):
    """torch's own LSTM of a decoder's weights, whose gates lie in another order.

    Args:
        decoder: has them.
        gates: places among the decoder's blocks of torch's input, forget, cell and output.
        inputs: what reads each part of the input, and that part.
        h: ``[N, H]``.
        c: ``[N, H]``.
    """
    cell = torch.nn.LSTMCell(sum(part.shape[1] for _, part in inputs), h.shape[1])

    def ordered(weight):
        return weight.unflatten(0, (-1, h.shape[1]))[gates].flatten(0, 1)

    read = torch.cat([ordered(layer.weight) for layer, _ in inputs], dim=1)
    bias = ordered(inputs[0][0].bias)
    cell.load_state_dict(
        {
            "weight_ih": read, "weight_hh": ordered(decoder.from_memory.weight),
            "bias_ih": bias, "bias_hh": torch.zeros_like(bias),
        }
    )  # fmt: skip
    return cell(torch.cat([part for _, part in inputs], dim=1), (h, c))


@torch.inference_mode()
def test_a_step_is_that_of_its_paper(model):
    """Xu et al. 2015, section 3.1.2, and Lu et al. 2017, section 2, with scaled dot products."""
    decoder = model.decoder
    h, c, features, keys = (torch.randn(1, n, w) for n, w in ((1, 24), (1, 24), (4, 16), (4, 16)))
    word = decoder.embedding.weight[[7]]

    def attend(h, to):
        return (decoder.query(h) @ to.T / 4).softmax(dim=1)  # 4 is the root of the width

    if "context_gate" in dict(decoder.named_children()):
        weights = attend(h[0], keys[0])
        context = decoder.context_gate(h[0]).sigmoid() * (weights @ features[0])
        inputs = [(decoder.from_word, word), (decoder.from_context, context)]
        next_h, next_c = lstm_cell(decoder, [0, 1, 3, 2], inputs, h[0], c[0])
    else:
        inputs = [(decoder.from_word, word)]
        next_h, next_c = lstm_cell(decoder, [0, 1, 4, 2], inputs, h[0], c[0])
        gate = (decoder.from_word(word) + decoder.from_memory(h[0]))[:, 3 * 24 : 4 * 24].sigmoid()
        sentinel = decoder.sentinel_project(gate * next_c.tanh()).relu()
        weights = attend(next_h, torch.cat([keys[0], decoder.key(sentinel)]))
        context = weights @ torch.cat([features[0], sentinel])
    said = decoder.output(torch.cat([next_h, context], dim=1)).tanh()
    expected = said @ decoder.embedding.weight.T + decoder.logit_bias
    evidence = None
    if decoder.evidence is not None:
        evidence = torch.randn(1, WORDS)
        expected += torch.nn.functional.softplus(decoder.evidence_scale(said)) * evidence
    found = decoder.step(torch.tensor([[7]]), h, c, features, keys, evidence)
    for one, other in zip(found, (expected, next_h, next_c, weights[:, :4]), strict=True):
        torch.testing.assert_close(one[0], other, rtol=1e-4, atol=1e-5)
