"""Edge keyframe analyzer: cameras in, keyframes read by Qwen3-VL on the CPU, findings out."""

__version__ = "0.1.0"
