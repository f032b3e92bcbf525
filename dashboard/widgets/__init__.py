"""Parts that pages share: frame, tomogram chooser, form of a task, launch button, job card."""
