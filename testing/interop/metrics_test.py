"""What /metrics serves: promtool finds nothing to complain about, and the Grafana dashboard asks only for what is there.

Arguments: the server, the dashboard's file.
"""

import json
import re
import subprocess
import sys

import lab

DASHBOARD = sys.argv[2]

# Of devices that have a link and count by themselves, which `ring` does not.
LABELS_OF_PORTS = {
    "corelane_port_link_up": {"device"},
    "corelane_port_link_speed_bytes_per_second": {"device"},
    "corelane_port_xstats_total": {"device", "counter"},
}

# What Prometheus adds to each series.
TARGET_LABELS = {"instance", "job"}

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|\[[^\]]*\]|[A-Za-z_:][A-Za-z0-9_:]*|[0-9.]+|=~|!~|!=|\S')
_IDENTIFIER = re.compile(r"[A-Za-z_:][A-Za-z0-9_:]*")
_GROUPING = {"by", "without", "on", "ignoring", "group_left", "group_right"}
_OPERATORS = {"and", "or", "unless", "bool", "offset", "inf", "nan"}


def parse_labels(text):
    """The names in `a="x",b="y"`."""
    return set(re.findall(r'([A-Za-z_][A-Za-z0-9_]*)="(?:[^"\\]|\\.)*"', text))


class Exposition:
    """A scrape: the families with their types, and the labels that each has."""

    def __init__(self, text):
        self.types = dict(re.findall(r"^# TYPE (\S+) (\S+)$", text, re.MULTILINE))
        self.helps = dict(re.findall(r"^# HELP (\S+) (.+)$", text, re.MULTILINE))
        self.labels = {name: None for name in self.types}
        for name, labels in re.findall(r"^([A-Za-z_:][A-Za-z0-9_:]*)(?:\{(.*)\})? \S+$", text, re.MULTILINE):
            # A series without a label differs from its family's others; what all may be asked for is the union.
            self.labels[name] = (self.labels.get(name) or set()) | parse_labels(labels)

    def labels_of(self, name):
        """None: there is no such series."""
        if self.types.get(name) == "histogram":
            return None  # Only its _bucket, _sum and _count can be asked for.
        if self.labels.get(name) is None:
            return LABELS_OF_PORTS.get(name) if name in self.types else None
        return self.labels[name]


class Expression:
    """The metrics of a PromQL expression with the labels that are matched, and the labels that it groups by."""

    def __init__(self, text):
        self.metrics = []  # (name, labels)
        self.grouped = set()
        tokens = _TOKEN.findall(text)
        at = 0
        while at < len(tokens):
            token, following = tokens[at], tokens[at + 1] if at + 1 < len(tokens) else ""
            at += 1
            if not _IDENTIFIER.fullmatch(token) or token in _OPERATORS:
                continue
            if token in _GROUPING:
                end = tokens.index(")", at)
                self.grouped |= {t for t in tokens[at:end] if _IDENTIFIER.fullmatch(t)}
                at = end
            elif following == "{":
                end = tokens.index("}", at)
                inside = tokens[at + 1:end]
                self.metrics.append((token, {inside[i] for i in range(0, len(inside), 4)}))
                at = end
            elif following != "(" and following not in _GROUPING:  # Neither a function nor an aggregation.
                self.metrics.append((token, set()))


def read_dashboard():
    with open(DASHBOARD, encoding="utf-8") as file:
        return json.load(file)


def expressions():
    """(where, PromQL, labels that its legend shows) of each query."""
    dashboard = read_dashboard()
    for panel in dashboard["panels"]:
        for target in panel.get("targets", []):
            where = "%s, %s" % (panel["title"], target["refId"])
            yield where, target["expr"], set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]))
    for variable in dashboard["templating"]["list"]:
        if variable["type"] == "query":
            query, label = re.fullmatch(r"label_values\((.*), (\w+)\)", variable["query"]["query"]).groups()
            yield "variable " + variable["name"], query, {label}


class Metrics(lab.TestCase):
    @classmethod
    def setUpClass(cls):
        with lab.Server("--listen", "127.0.0.1:0") as server:
            url = server.url.rstrip("/")
            lab.curl(url + "/bytes/1000000", "-o", "/dev/null")
            cls.head = lab.curl("-I", url + "/metrics")
            cls.text = lab.curl(url + "/metrics")
            cls.again = lab.curl(url + "/metrics")
        cls.exposition = Exposition(cls.text)

    def test_content_type(self):
        self.assertRegex(self.head, r"(?i)content-type: text/plain; version=0\.0\.4; charset=utf-8\r?\n")

    def test_names_and_helps(self):
        self.assertGreater(len(self.exposition.types), 50)
        for name, kind in self.exposition.types.items():
            self.assertTrue(name.startswith("corelane_"), name)
            self.assertEqual(name.endswith("_total"), kind == "counter", name)
            self.assertIn(name, self.exposition.helps)

    def test_values(self):
        self.assertIn('corelane_lane_up{lane="0"} 1\n', self.text)

        def value(text, series):
            return float(re.search("^%s (\\S+)$" % re.escape(series), text, re.MULTILINE)[1])

        sent = 'corelane_tcp_sent_bytes_total{lane="0",stack="server"}'
        self.assertGreater(value(self.text, sent), 1000000)
        self.assertGreater(value(self.again, sent), value(self.text, sent))
        self.assertEqual(value(self.text, 'corelane_tcp_sockets{lane="0",stack="server",state="ESTABLISHED"}'), 1)

    def test_promtool(self):
        lab.require(self, "promtool")
        result = subprocess.run(["promtool", "check", "metrics"], input=self.text, capture_output=True, text=True,
                                timeout=60, check=False)
        self.assertEqual((result.returncode, result.stdout, result.stderr), (0, "", ""))

    def test_dashboard_asks_for_what_is_there(self):
        asked = set()
        for where, text, legend in expressions():
            expression = Expression(text)
            self.assertTrue(expression.metrics, where)
            for name, matched in expression.metrics:
                with self.subTest(where=where, metric=name):
                    labels = self.exposition.labels_of(name)
                    self.assertIsNotNone(labels, "%s exports no series %s" % ("the server", name))
                    labels = labels | TARGET_LABELS
                    self.assertLessEqual(matched | expression.grouped | legend, labels)
                    asked.add(name)
            if expression.grouped and not where.startswith("variable"):
                self.assertLessEqual(legend, expression.grouped, where)
        self.assertGreater(len(asked), 40)

    def test_ports_have_no_series_on_ring(self):
        for name in LABELS_OF_PORTS:
            self.assertIn(name, self.exposition.types)
            self.assertIsNone(self.exposition.labels[name])

    def test_expressions_are_promql(self):
        lab.require(self, "promtool")
        rules = [{"record": "r%d" % number, "expr": text.replace("$__rate_interval", "1m")}
                 for number, (_, text, _) in enumerate(expressions())]
        path = lab.scratch("rules.yml")
        with open(path, "w", encoding="utf-8") as file:
            json.dump({"groups": [{"name": "dashboard", "rules": rules}]}, file)  # JSON is YAML.
        lab.check_run("promtool", "check", "rules", path)

    def test_dashboard_is_complete(self):
        dashboard = read_dashboard()
        panels = dashboard["panels"]
        self.assertEqual(len({panel["id"] for panel in panels}), len(panels))
        taken = set()
        for panel in panels:
            with self.subTest(panel=panel["title"]):
                at = panel["gridPos"]
                cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
                self.assertFalse(cells & taken, "it lies over another")
                self.assertLessEqual(at["x"] + at["w"], 24)
                taken |= cells
                if panel["type"] != "row":
                    self.assertTrue(panel["targets"])
                    self.assertTrue(panel["fieldConfig"]["defaults"]["unit"])
        variables = {variable["name"] for variable in dashboard["templating"]["list"]}
        used = set(re.findall(r"\$\{?([a-z]\w*)", json.dumps(dashboard)))
        self.assertEqual(used, variables)


class Parsing(lab.TestCase):
    """What the checks above stand on."""

    def test_expression(self):
        e = Expression('histogram_quantile(0.9, sum by (le, lane) (rate(a_bucket{x="by (y)",z=~"$z"}[5m]))) / on(q) b > 0')
        self.assertEqual(e.metrics, [("a_bucket", {"x", "z"}), ("b", set())])
        self.assertEqual(e.grouped, {"le", "lane", "q"})

    def test_exposition(self):
        e = Exposition('# HELP a Help.\n# TYPE a counter\na{x="}",y="\\""} 1\n# TYPE h histogram\nh_bucket{le="1"} 2\n')
        self.assertEqual(e.labels_of("a"), {"x", "y"})
        self.assertEqual(e.labels_of("h_bucket"), {"le"})
        self.assertIsNone(e.labels_of("h"))
        self.assertIsNone(e.labels_of("b"))


if __name__ == "__main__":
    lab.main(namespace=False)
