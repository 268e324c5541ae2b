"""What a policy may say but its author hardly means: one file for each family of doubts."""
