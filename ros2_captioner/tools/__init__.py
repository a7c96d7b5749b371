"""Command lines that work without ROS."""
