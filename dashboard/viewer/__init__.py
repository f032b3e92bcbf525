"""The slice viewer: a Python face for pages, HTTP routes for slices, and the JavaScript that draws them.

Pages import `slice_viewer` from `dashboard.viewer.component`; the launcher mounts
`dashboard.viewer.routes.ROUTES`.
"""
