"""Images from bytes, files, videos and recordings to RGB arrays; knows nothing of ROS."""
