"""TensorRT: engines from ONNX graphs, their cache on disk, and the device that runs them."""
