# The captioner on a PC, on its CPU. Written and linted where no Docker is; it has not been built yet.
#   docker build -f docker/desktop.Dockerfile -t ros2_captioner .
#   docker run --rm --net=host --ipc=host ros2_captioner image_topics:="['/camera/image_raw']"
ARG ROS_DISTRO=jazzy
FROM ros:${ROS_DISTRO}-ros-base
SHELL ["/bin/bash", "-o", "pipefail", "-c"]

WORKDIR /ws
COPY package.xml src/ros2_captioner/
# hadolint ignore=DL3008
RUN apt-get update \
  && apt-get install --yes --no-install-recommends python3-pip \
  && rosdep update --rosdistro "$ROS_DISTRO" \
  && rosdep install --from-paths src --ignore-src -y --dependency-types=exec \
  && rm -rf /var/lib/apt/lists/*
# hadolint ignore=DL3013
RUN PIP_BREAK_SYSTEM_PACKAGES=1 pip3 install --no-cache-dir --no-deps onnxruntime

COPY . src/ros2_captioner
RUN source "/opt/ros/$ROS_DISTRO/setup.bash" \
  && colcon build --packages-select ros2_captioner \
  && source install/setup.bash \
  && ros2 run ros2_captioner captioner_doctor

RUN useradd --create-home --uid 1001 captioner
USER 1001
ENTRYPOINT ["/bin/bash", "-c", "source install/setup.bash && exec ros2 launch ros2_captioner captioner.launch.py \"$@\"", "captioner"]
