# The captioner on a Jetson with JetPack 6.1 or newer, whose TensorRT the base image has.
# Written and linted where no Docker is; it has not been built yet.
#   docker build -f docker/jetson.Dockerfile -t ros2_captioner .
#   docker run --rm --runtime nvidia --net=host --ipc=host -v captioner_engines:/engines ros2_captioner
FROM dustynv/ros:humble-ros-base-l4t-r36.4.0
SHELL ["/bin/bash", "-o", "pipefail", "-c"]

WORKDIR /ws
COPY package.xml src/ros2_captioner/
# ROS is built from source in this image: only what it lacks comes from apt.
# hadolint ignore=DL3008
RUN source /opt/ros/humble/install/setup.bash \
  && apt-get update \
  && apt-get install --yes --no-install-recommends python3-pip python3-rosdep \
  && rosdep update --rosdistro humble \
  && rosdep install --from-paths src --ignore-src -y --dependency-types=exec \
    --rosdistro humble --skip-keys="$(ros2 pkg list | tr '\n' ' ') python3-opencv python3-numpy" \
  && rm -rf /var/lib/apt/lists/*
# hadolint ignore=DL3013
RUN pip3 install --no-cache-dir --no-deps onnxruntime 'cuda-python==12.6.*'

COPY . src/ros2_captioner
RUN source /opt/ros/humble/install/setup.bash && colcon build --packages-select ros2_captioner

# Engines are built on the Jetson itself and kept in the volume, which only this user may write.
RUN useradd --create-home --uid 1001 --groups video captioner \
  && install --directory --mode=0700 --owner=captioner /engines
USER 1001
ENTRYPOINT ["/bin/bash", "-c", "source install/setup.bash && exec ros2 launch ros2_captioner captioner.launch.py engine_cache:=/engines \"$@\"", "captioner"]
