"""Between the cameras and the model, without ROS: which frames are captioned, and their counts."""
