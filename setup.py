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
TEST = ["pytest", "hypothesis", "ruff", "mypy"]

setup(
    name=NAME,
    version="0.1.0",
    description="Captions camera topics with a ResNet encoder and an attention LSTM decoder",
    license="Apache-2.0",
    maintainer="ros2_captioner maintainers",
    maintainer_email="maintainers@ros2-captioner.example",
    packages=find_packages(include=[f"{NAME}*"]),
    package_data={NAME: ["py.typed", "models/default/*"]},
    python_requires=">=3.10",
    install_requires=["numpy", "onnxruntime", "opencv-python-headless", "setuptools"],
    extras_require={
        "ros": ROS_WHEELS,
        "demo": ["scikit-image"],
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
            "tqdm",
        ],
    },
    data_files=[
        ("share/ament_index/resource_index/packages", [f"resource/{NAME}"]),
        (f"share/{NAME}", ["package.xml"]),
        (f"share/{NAME}/launch", glob("launch/*.launch.py")),
        (f"share/{NAME}/config", glob("config/*")),
        # ros2 run looks here; colcon writes its own, pip would put scripts in bin alone.
        (f"lib/{NAME}", glob("scripts/*")),
    ],
    entry_points={
        "console_scripts": [
            f"captioner_node = {NAME}.ros.node:main",
            f"image_player = {NAME}.ros.image_player:main",
            f"watch = {NAME}.ros.watch:main",
            f"caption = {NAME}.tools.caption:main",
            f"captioner_benchmark = {NAME}.tools.benchmark:main",
        ]
    },
    zip_safe=False,
)
