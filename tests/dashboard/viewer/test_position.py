"""Where each session looks."""

from dashboard.viewer import position


def test_each_session_and_tomogram_has_its_place():
    position.put("one", "p-a", (1, 2, 3))
    position.put("two", "p-a", (4, 5, 6))
    position.put("one", "p-b", (7, 8, 9))
    assert position.get("one", "p-a") == (1, 2, 3)
    assert position.get("two", "p-a") == (4, 5, 6)
    assert position.get("two", "p-b") is None


def test_new_session_begins_where_someone_looked_last():
    position.put("one", "p-c", (1, 1, 1))
    position.put("two", "p-c", (2, 2, 2))
    position.put("one", "p-c", (3, 3, 3))
    assert position.latest("p-c") == (3, 3, 3)
    assert position.latest("never seen") is None


def test_old_sessions_are_forgotten():
    position.put("oldest", "p-d", (1, 2, 3))
    for i in range(position.KEPT):
        position.put(f"tab {i}", "p-e", (0, 0, 0))
    assert position.get("oldest", "p-d") is None
