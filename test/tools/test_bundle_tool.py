"""``captioner_bundle``: what it prints, and its exit status."""

import os
import subprocess
import sys

import pytest
from bundles import manifest_of
from keys import key_pair

from ros2_captioner.bundle import DEFAULT_BUNDLE, load_bundle
from ros2_captioner.tools.bundle import main


def test_inspect_tells_what_the_shipped_bundle_is(capsys):
    assert main(["inspect"]) == 0
    shown = capsys.readouterr().out
    bundle = load_bundle()
    for text in (
        bundle.digest,
        "int8 ",
        "float16 scores",
        "CIDEr",
        "licence",
        "signature      none",
        'no_repeat_objects true, never_last ["a", "an", ',
        "banned_words []",
    ):
        assert text in shown


def test_inspect_tells_what_an_older_bundle_is_searched_with(bundle_copy, capsys):
    with manifest_of(bundle_copy) as manifest:
        del manifest["decoding"]["no_repeat_objects"], manifest["decoding"]["never_last"]
    assert main(["inspect", str(bundle_copy)]) == 0
    assert "no_repeat_objects false, never_last []" in capsys.readouterr().out


def test_inspect_leaves_out_what_was_not_set(bundle_copy, capsys):
    with manifest_of(bundle_copy) as manifest:
        manifest["training"] |= {"note": "", "start_from": ""}
    assert main(["inspect", str(bundle_copy)]) == 0
    shown = capsys.readouterr().out
    assert "data scenes" in shown and "note" not in shown and "start_from" not in shown


def test_list_gives_a_line_a_bundle_and_names_broken_ones(bundle_copy, capsys):
    assert main(["list", str(DEFAULT_BUNDLE.parent)]) == 0
    shown = capsys.readouterr().out
    assert shown.count("\n") == 1 and "  mean CIDEr 0." in shown
    os.unlink(bundle_copy / "vocabulary.json")  # a link: the original stays
    assert main(["list", str(bundle_copy.parent)]) == 1
    assert capsys.readouterr().out.startswith(f"broken: {bundle_copy / 'vocabulary.json'}")


def test_a_link_to_a_bundle_is_listed_too(bundle_copy, tmp_path, capsys):
    (tmp_path / "models").mkdir()
    (tmp_path / "models/current").symlink_to(bundle_copy)
    assert main(["list", str(tmp_path / "models")]) == 0
    assert capsys.readouterr().out.startswith(f"{tmp_path / 'models/current'}  ")


def test_nothing_to_list_is_said(tmp_path, capsys):
    assert main(["list", str(tmp_path)]) == 1
    assert f"no bundle in {tmp_path}" in capsys.readouterr().err
    assert main(["list", str(DEFAULT_BUNDLE), str(tmp_path / "misspelt")]) == 1
    assert capsys.readouterr().err == f"no bundle in {tmp_path / 'misspelt'}\n"


def test_a_signed_bundle_is_verified(bundle_copy, tmp_path, capsys):
    private, public = key_pair(tmp_path, "ours")
    assert main(["verify", str(bundle_copy), "--key", str(public)]) == 1
    assert "is not signed" in capsys.readouterr().err
    assert main(["sign", str(bundle_copy), "--key", str(private)]) == 0
    assert main(["verify", str(bundle_copy), "--key", str(public)]) == 0
    assert capsys.readouterr().out.endswith(f"every file is whole, signed by {public}\n")
    assert main(["list", str(bundle_copy)]) == 0
    assert capsys.readouterr().out.endswith("  signed\n")
    renamed = bundle_copy.rename(tmp_path / "our model")
    assert main(["inspect", str(renamed)]) == 0
    assert f"captioner_bundle verify '{renamed}' --key KEY.pub" in capsys.readouterr().out


@pytest.mark.parametrize("command", ["sign", "verify"])
def test_a_broken_bundle_is_neither_signed_nor_verified(bundle_copy, tmp_path, capsys, command):
    private, public = key_pair(tmp_path, "ours")
    os.unlink(bundle_copy / "vocabulary.json")
    key = private if command == "sign" else public
    assert main([command, str(bundle_copy), "--key", str(key)]) == 1
    assert "vocabulary.json is missing" in capsys.readouterr().err
    assert not (bundle_copy / "manifest.json.sig").exists()


@pytest.mark.parametrize("command", ["sign", "verify"])
def test_without_cryptography_it_is_said_what_to_type(bundle_copy, tmp_path, command):
    private, public = key_pair(tmp_path, "ours")
    key = private if command == "sign" else public
    code = (
        "import sys\nsys.modules['cryptography'] = None\n"
        "from ros2_captioner.tools.bundle import main\nsys.exit(main())"
    )
    given = [command, str(bundle_copy), "--key", str(key)]
    done = subprocess.run([sys.executable, "-c", code, *given], capture_output=True, text=True)
    assert done.returncode == 1 and done.stderr.count("\n") == 1
    assert "need the package cryptography" in done.stderr
    assert "type: sudo apt install python3-cryptography" in done.stderr


@pytest.mark.parametrize("command", ["sign", "verify"])
def test_an_empty_name_is_not_the_shipped_model(tmp_path, capsys, monkeypatch, command):
    monkeypatch.chdir(tmp_path)
    private, public = key_pair(tmp_path, "ours")
    key = private if command == "sign" else public
    with pytest.raises(SystemExit):
        main([command, "", "--key", str(key)])
    assert "argument bundle: found an empty path" in capsys.readouterr().err
    assert not (DEFAULT_BUNDLE / "manifest.json.sig").exists()


def test_a_signature_never_destroys_the_key(bundle_copy, tmp_path, capsys):
    private, _ = key_pair(tmp_path, "ours")
    key = bundle_copy / "manifest.json.sig"
    os.replace(private, key)
    before = key.read_bytes()
    assert main(["sign", str(bundle_copy), "--key", str(key)]) == 1
    assert "same file as" in capsys.readouterr().err and key.read_bytes() == before


def test_no_name_steers_the_terminal(bundle_copy, capsys):
    with manifest_of(bundle_copy) as manifest:
        manifest["name"] = "a\x1b[2J\nb"
    for command in ("inspect", "list"):
        assert main([command, str(bundle_copy)]) == 0
        shown = capsys.readouterr().out
        assert "a\\x1b[2J\\nb" in shown and "\x1b" not in shown
