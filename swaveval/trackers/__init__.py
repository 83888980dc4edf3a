"""Results to where people keep their numbers: TensorBoard, W&B, MLflow; embeddings to whoever draws them."""
