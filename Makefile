# make demo    the real node and a camera that plays photographs; needs nothing but Python 3.10+
#              make demo PHOTOGRAPHS=folder plays your own
# make test    lint, types and all tests
# make test-jazzy, make test-humble
#              the run time's tests beside what apt has on Ubuntu 24.04 and 22.04
# make bench   the shipped model against plain PyTorch on this machine; build/bench/marks.json
# make gpu     every runtime that loads on this machine's NVIDIA card, checked and timed; build/gpu
# make soak    the long version of the robustness tests; build/soak/marks.json
# make docs    the site of docs/ with every link checked; build/docs
# make parameters   config/captioner.yaml and the README's table from ros2_captioner/settings.py
# make clean   remove the virtual environments and what the targets wrote

PYTHON ?= python3
# Where a ROS 2 installation is sourced it is used; otherwise rclpy comes from wheels.
ifdef ROS_DISTRO
  VENV_OPTIONS := --system-site-packages
  PACKAGE := .
else
  ROS := ros,
  PACKAGE := .[ros]
endif
RUNTIME := .venv/bin
TRAINING := .venv-training/bin
TORCH := torch==2.14.1 torchvision==0.29.1
# For the benchmark's camera, which publishes raw frames.
LARGE_IMAGES := $(if $(filter humble jazzy,$(ROS_DISTRO)),FASTRTPS,FASTDDS)_DEFAULT_PROFILES_FILE=config/fastdds_large_images.xml

.PHONY: demo test test-runtime test-training test-jazzy test-humble bench gpu soak docs parameters clean

demo: .venv/installed
	$(RUNTIME)/python -m ros2_captioner.ros.demo $(if $(PHOTOGRAPHS),--photographs "$(PHOTOGRAPHS)")

test: test-runtime test-training

test-runtime: .venv/installed-tests
	$(RUNTIME)/ruff check .
	$(RUNTIME)/ruff format --check .
	$(RUNTIME)/mypy ros2_captioner
	$(RUNTIME)/lint-imports --no-logo
	$(RUNTIME)/pytest --numprocesses 2 test

# A file's tests share what they train. Where a process of tests died and was replaced, pytest would hang.
test-training: .venv-training/installed
	$(TRAINING)/mypy training benchmarks
	OMP_NUM_THREADS=1 RUNTIME_PYTHON=$(CURDIR)/$(RUNTIME)/python \
	  $(TRAINING)/pytest --numprocesses 2 --dist loadfile --max-worker-restart 0 test/training

bench: .venv-training/installed
	mkdir -p build/bench
	$(TRAINING)/pip install --quiet --editable ".[$(ROS)training,benchmark]"
	$(LARGE_IMAGES) $(TRAINING)/captioner_benchmark --backends onnxruntime openvino \
	  --node-rates 2 30 --json build/bench/table.json
	$(LARGE_IMAGES) $(TRAINING)/python -m benchmarks.marks

gpu: .venv-training/installed
	@command -v nvidia-smi > /dev/null || { echo "found no nvidia-smi; make gpu needs an NVIDIA card and its driver"; exit 1; }
	$(TRAINING)/pip uninstall --quiet --yes onnxruntime  # the same module as the next one has
	$(TRAINING)/pip install --quiet --editable ".[$(ROS)rtx]" "onnxruntime-gpu[cuda,cudnn]"
	$(LARGE_IMAGES) $(TRAINING)/python -m benchmarks.gpu --output build/gpu

soak: .venv/installed-tests
	mkdir -p build/soak
	FUZZ_MANIFESTS=200 FUZZ_BAGS=200 \
	FUZZ_MESSAGES=50000 FUZZ_WIRE_MESSAGES=5000 LIFECYCLE_CYCLES=200 SOAK_FRAMES=20000 \
	RECORDING_FRAMES=2000 SIGNAL_TRIES=100 KILLS=7 LATENCY_FRAMES=100 FAULT_KINDS=3 MARKS_FILE=build/soak/marks.json \
	$(RUNTIME)/pytest -s test/bundle/test_manifest.py test/tools/test_caption_bag_soak.py test/ros/players test/ros/node test/ros/test_fuzz.py test/test_launch_files.py

.venv/installed: setup.py
	$(PYTHON) -m venv $(VENV_OPTIONS) .venv
	$(RUNTIME)/pip install --quiet --editable "$(PACKAGE)"
	touch $@

.venv/installed-tests: .venv/installed
	$(RUNTIME)/pip install --quiet --editable ".[$(ROS)ray,test]"
	touch $@

.venv-training/installed: setup.py
	$(PYTHON) -m venv .venv-training
	$(TRAINING)/pip install --quiet $(TORCH)
	$(TRAINING)/pip install --quiet --editable ".[training,test]" types-PyYAML
	touch $@

docs: .venv/installed-tests
	NO_MKDOCS_2_WARNING=1 $(RUNTIME)/mkdocs build --strict

parameters: .venv/installed
	$(RUNTIME)/python -m ros2_captioner.tools.parameter_files

# The Pythons of Ubuntu 24.04 and 22.04; pyenv's come first, as its shims may lead nowhere.
PYTHON_3_12 ?= $(firstword $(wildcard $(HOME)/.pyenv/versions/3.12.*/bin/python) python3.12)
PYTHON_3_10 ?= $(firstword $(wildcard $(HOME)/.pyenv/versions/3.10.*/bin/python) python3.10)
APT := test/distributions
JAZZY_WHEELS := ros-jazzy-rclpy[fastrtps] \
  $(addprefix ros-jazzy-,sensor-msgs std-msgs std-srvs diagnostic-msgs)
OPTIONAL := cryptography simplejpeg rosbags openvino onnx tensorrt-rtx-cu13

test-jazzy: .venv-jazzy/installed
	ROS_DISTRO=jazzy UBUNTU=noble .venv-jazzy/bin/python -m pytest --numprocesses 2 test

test-humble: .venv-humble/installed
	UBUNTU=jammy .venv-humble/bin/python -m pytest --numprocesses 2 test

# As docs/install.md does it: apt's versions, ONNX Runtime without its dependencies, the rest beside.
.venv-jazzy/installed: setup.py $(APT)/noble.txt
	$(PYTHON_3_12) -m venv .venv-jazzy
	.venv-jazzy/bin/pip install --quiet -r $(APT)/noble.txt $(JAZZY_WHEELS)
	.venv-jazzy/bin/pip install --quiet --no-deps onnxruntime --editable .
	.venv-jazzy/bin/pip install --quiet -c $(APT)/noble.txt $(OPTIONAL) cuda-python pytest-xdist
	touch $@

.venv-humble/installed: setup.py $(APT)/jammy.txt
	$(PYTHON_3_10) -m venv .venv-humble
	.venv-humble/bin/pip install --quiet -r $(APT)/jammy.txt pyyaml
	.venv-humble/bin/pip install --quiet --no-deps onnxruntime --editable .
	.venv-humble/bin/pip install --quiet -c $(APT)/jammy.txt $(OPTIONAL) 'cuda-python==12.6.*' pytest-xdist
	touch $@

clean:
	rm -rf .venv .venv-training .venv-jazzy .venv-humble build
