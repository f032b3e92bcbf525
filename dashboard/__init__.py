"""What a person sees: the pages of Tomodeck over the engine. Streamlit lives here and nowhere else."""
