"""The charts of `make bench` are well-formed SVG that says what the figures are."""

from xml.etree import ElementTree

from bar_chart import Panel, Series, svg

_SVG = "{http://www.w3.org/2000/svg}"


def test_bars() -> None:
    """Each value has a bar of its series' colour, as long as it is large, and stands beside it."""
    series = (Series("mine", "#111111"), Series("by <hand>", "#222222"))
    panel = Panel("heap", "bytes", {"RSA": (1000, 4000), "ECDSA": (0, 2000)})
    root = ElementTree.fromstring(svg("a & b", series, (panel,)))
    texts = [one.text for one in root.iter(f"{_SVG}text")]
    for text in ("a & b", "mine", "by <hand>", "heap, bytes", "RSA", "ECDSA", "4,000", "0"):
        assert text in texts
    # Behind its legend, each colour has one bar for each group.
    widths = {
        one.colour: [
            int(bar.attrib["width"])
            for bar in root.iter(f"{_SVG}rect")
            if bar.attrib["fill"] == one.colour
        ][1:]
        for one in series
    }
    longest = widths["#222222"][0]
    assert widths == {"#111111": [longest // 4, 0], "#222222": [longest, longest // 2]}
    for shape in root.iter(f"{_SVG}rect"):
        assert int(shape.attrib["x"]) + int(shape.attrib["width"]) <= int(root.attrib["width"])
        assert int(shape.attrib["y"]) + int(shape.attrib["height"]) <= int(root.attrib["height"])
