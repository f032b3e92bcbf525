"""The script that Streamlit runs: menu and frame around the pages."""

import streamlit as st

from dashboard import served
from dashboard.pages import menu
from dashboard.widgets import current
from dashboard.widgets.frame import explained, style
from dashboard.widgets.numbers import plural
from dashboard.widgets.task_form import PAGE
from engine.errors import UserError
from engine.jobs import list_jobs

st.set_page_config(page_title="Tomodeck", layout="wide", initial_sidebar_state="expanded")
style()
chosen = st.navigation(menu(), expanded=True)

try:
    project = served.project()
except UserError as error:
    st.error(str(error), icon=":material/error:")
    st.stop()

with st.sidebar, explained():
    st.markdown(f"**{project.name}**")
    current.choose(project)
    running = sum(job.active for job in list_jobs(project.root))
    if running:
        st.caption(f":material/progress_activity: {plural(running, 'job')} at work")

with explained():
    problem = current.link_problem()
    if problem:
        st.warning(problem, icon=":material/warning:")
    st.session_state[PAGE] = chosen.url_path
    chosen.run()
