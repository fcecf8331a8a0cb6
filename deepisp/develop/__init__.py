"""The ISP: one stage a file, in the order of light; `pipeline` shows them all."""
