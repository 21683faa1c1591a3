"""What a call is and how it gets in: wire formats, pricing, the writer, storage, the edge."""
