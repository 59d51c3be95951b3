"""3D objects: coloured meshes, the shape prior, and generators from decoded embeddings."""
