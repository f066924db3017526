"""What runs on the endpoint: a picture in, faces out. It needs numpy, OpenCV and onnxruntime only.

The folder is copied into `model.tar.gz` as the package `headcount_serving`, so its modules import
each other relatively and nothing else of this repository.
"""
