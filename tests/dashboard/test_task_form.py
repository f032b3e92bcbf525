"""The form drawn from a model of parameters, alone on a page: what its advanced part shows and when it is open."""

from streamlit.testing.v1 import AppTest


def form() -> None:
    from typing import Literal

    import streamlit as st

    from dashboard.widgets.task_form import Options, task_form
    from engine.parameters import Parameters, parameter

    class Things(Parameters):
        strategy: Literal["spheres", "shapes"] = parameter("spheres", title="Strategy", help="What.")
        factor: float = parameter(
            1.0, title="Factor", help="Of spheres.", advanced=True, only_if=("strategy", "spheres")
        )
        share: float = parameter(0.5, title="Share", help="If cut so.", advanced=True, only_if=("cut", "evenly"))
        cut: Literal["evenly", "anyhow"] = parameter("evenly", title="Cut", help="How.", advanced=True)

    st.json(task_form(Options("things", Things), {}, {}))


def drawn(app: AppTest) -> list[str]:
    return [each.label for each in (*app.selectbox, *app.number_input)]


def test_advanced_fields_are_shown_only_where_they_matter() -> None:
    app = AppTest.from_function(form).run()
    assert sorted(drawn(app)) == ["Cut", "Factor", "Share", "Strategy"]
    app.number_input(key="things.factor").set_value(2.0).run()
    assert app.expander[0].label == "Advanced (1 changed)"
    app.selectbox(key="things.strategy").set_value("shapes").run()
    assert sorted(drawn(app)) == ["Cut", "Share", "Strategy"]
    assert app.expander[0].label == "Advanced"  # what does not matter is not counted either
    app.selectbox(key="things.cut").set_value("anyhow").run()  # a field that another one below it decides on
    assert sorted(drawn(app)) == ["Cut", "Strategy"] and not app.exception


def test_the_advanced_part_stays_open_when_its_title_changes() -> None:
    app = AppTest.from_function(form).run()
    assert not app.expander[0].proto.expanded
    app.session_state["things.advanced-fields"] = True  # a person opened it
    app.number_input(key="things.factor").set_value(2.0).run()
    assert app.expander[0].label == "Advanced (1 changed)" and app.expander[0].proto.expanded
