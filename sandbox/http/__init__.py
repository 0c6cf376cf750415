"""What the record systems that speak HTTP share: the listener, a request's way in and an answer's out, and faults."""
