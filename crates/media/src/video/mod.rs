//! Moving pictures and sound by ffmpeg: what to ask it, what its answers mean.
