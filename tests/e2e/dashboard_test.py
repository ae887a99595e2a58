"""The dashboard in a real browser: opened by a presigned link of the real service, over a running job."""
import json
import urllib.error
import urllib.request

import pytest
from browser import Browser
from harness import ROLE, sql_application, wait_for, wait_for_status

# Names and values that would be elements and scripts if anything took them for HTML.
EVIL = "<img src=x onerror=alert(1)>"
SQL = f"""
CREATE TABLE orders (id INT, customer STRING)
WITH ('connector' = 'filesystem', 'path' = '${{app.dir}}/in', 'source.monitor-interval' = '50 ms', 'format' = 'json');
CREATE TABLE counts (customer STRING, n BIGINT) WITH ('connector' = 'blackhole');
CREATE TABLE copies (id INT, customer STRING) WITH ('connector' = 'filesystem', 'path' = '${{app.dir}}/out', 'format' = 'json');
EXECUTE STATEMENT SET BEGIN
INSERT INTO counts SELECT customer, COUNT(*) FROM orders WHERE customer <> '{EVIL}' GROUP BY customer;
INSERT INTO copies SELECT id, customer FROM orders;
END;
"""


@pytest.fixture
def browser():
    browser = Browser()
    yield browser
    browser.close()


def start(client, folder, name="orders"):
    (folder / name / "in").mkdir(parents=True)
    client.create_application(
        ApplicationName=name, RuntimeEnvironment="FLINK-1_20", ServiceExecutionRole=ROLE,
        ApplicationConfiguration=sql_application(SQL, {"app": {"dir": str(folder / name)}}, parallelism=2))
    client.start_application(ApplicationName=name)
    wait_for_status(client, name, "RUNNING")


def link(client, name="orders"):
    return client.create_application_presigned_url(ApplicationName=name, UrlType="FLINK_DASHBOARD_URL")["AuthorizedUrl"]


def publish(folder, name, text):
    hidden = folder / f".{name}"
    hidden.write_text(text)
    hidden.rename(folder / name)


def rows(*ids):
    return "".join(json.dumps({"id": i, "customer": "ann" if i % 2 else "bob"}) + "\n" for i in ids)


def test_a_link_shows_a_running_job_and_why_it_failed(client, tmp_path, browser):
    start(client, tmp_path)
    folder = tmp_path / "orders/in"
    publish(folder, "1.json", rows(*range(1, 11)))
    url = link(client)
    assert browser.goto(url=url) == 200
    assert browser.url().endswith("/flinkdashboard/@orders/")  # without the token
    browser.wait_for_text("GroupAggregate → Sink: counts")
    text = browser.text(selector="header")
    assert "orders" in text and "RUNNING" in text

    # The graph: two vertices, an arrow between them, what flows, by name and with text that is text.
    assert browser.count(selector=".graph .vertex") == 2 and browser.count(selector=".graph .edge path") == 1
    wait_for("the rows", lambda: browser.evaluate(
        script="[...document.querySelectorAll('tbody tr')].map(row => row.cells[3].innerText).join(' ')") == "0 10", 20, 0.2)
    assert EVIL in browser.evaluate(script="[...document.querySelectorAll('.vertex title')].map(one => one.textContent).join()")
    assert browser.count(selector="main img") == 0

    # By keyboard: a vertex opens, with its subtasks.
    browser.press(selector=".vertex >> nth=0", key="Enter")
    wait_for("the subtasks", lambda: browser.count(selector=".vertex-card tbody tr") == 2, 10, 0.1)
    assert browser.text(selector=".vertex-card").count("RUNNING") == 3
    browser.click(selector=".vertex-card summary")
    assert EVIL in browser.text(selector=".operators")

    browser.click(selector="nav >> text=Checkpoints")
    wait_for("checkpoints", lambda: browser.count(selector="tbody tr") >= 3, 20, 0.1)
    browser.click(selector="tbody button")
    text = browser.wait_for_text("2 of 2", selector="td.below")
    assert "GroupAggregate" in text
    assert browser.evaluate(script="[...document.querySelectorAll('.chart path.stroke')].length") >= 2

    browser.click(selector="nav >> text=Exceptions")
    browser.wait_for_text("No failures.")
    publish(folder, "bad.json", f"{EVIL}\n")
    browser.wait_for_text("not valid JSON", selector="main")
    (folder / "bad.json").unlink()
    text = browser.text(selector="main")
    assert "Root cause" in text and "bad.json" in text and "data.malformed" in text
    browser.wait_for_text("runs again", selector="#notes")

    browser.click(selector="nav >> text=Logs")
    browser.wait_for_text("switched from", selector=".log")
    browser.fill(selector="input[type=search]", value="no such line")
    browser.wait_for_text("No line is like that.")
    browser.fill(selector="input[type=search]", value="restarting")
    browser.wait_for_text("to RESTARTING", selector=".log")

    browser.click(selector="nav >> text=Plan")
    assert EVIL in browser.wait_for_text("rows in", selector=".plan")
    assert browser.count(selector="main img") == 0
    browser.click(selector="nav >> text=Configuration")
    browser.wait_for_text("parallelism.default", selector="main")

    # At a phone's width nothing but tables and the graph scrolls sideways.
    browser.size(width=375, height=700)
    for view in ["overview", "checkpoints", "exceptions", "plan", "logs", "configuration"]:
        browser.evaluate(script=f"location.hash = '{view}'")
        wait_for(view, lambda: browser.evaluate(script="document.querySelector('main').dataset.view") == view, 5, 0.05)
        assert browser.evaluate(script="document.documentElement.scrollWidth") <= 375, view
    assert browser.wrong() == []


MODULES = """
(async () => {
  const [format, layout, graph, exceptions] = await Promise.all(
      ['format', 'layout', 'graph', 'exceptions'].map((name) => import(new URL(`dashboard/${name}.js`, document.baseURI))));
  let seed = 7;
  const random = (limit) => (seed = (seed * 48271) % 2147483647) % limit;
  const problems = [];
  for (let round = 0; round < 200; ++round) {
    const vertices = Array.from({ length: 1 + random(14) }, (_, i) => ({
      id: `v${i}`, inputs: Array.from({ length: i === 0 ? 0 : random(4) }, () => `v${random(i)}`),
    }));
    const laid = layout.layOut(vertices);
    const all = [...laid.nodes.values()];
    for (const a of all) {
      if (a.x < 0 || a.y < 0 || a.x + layout.NODE.width > laid.width || a.y + layout.NODE.height > laid.height + 0.01) problems.push('outside');
      for (const b of all) {
        if (a !== b && a.x === b.x && Math.abs(a.y - b.y) < layout.NODE.height) problems.push(`overlap in round ${round}`);
      }
    }
    for (const { from, to, points } of laid.edges) {
      if (laid.nodes.get(from).x >= laid.nodes.get(to).x) problems.push('backwards');
      for (let i = 1; i < points.length; ++i) if (points[i].x <= points[i - 1].x) problems.push('an edge turns back');
    }
  }
  const node = (id, ...inputs) => ({ id, inputs: inputs.map((input, num) => ({ id: input, num })) });
  const load = (busy, held) => ({ busyTimeMsPerSecond: { max: busy }, backPressuredTimeMsPerSecond: { max: held } });
  const job = { plan: { nodes: [node('a'), node('b', 'a'), node('c', 'b'), node('d', 'c')] }, vertices: ['a', 'b', 'c', 'd'].map((id) => ({ id, name: id })) };
  const found = graph.bottleneck(job, new Map([['a', load(100, 800)], ['b', load(200, 700)], ['c', load(990, 0)], ['d', load(10, 0)]]));
  const failure = (stacktrace, timestamp) => ({ exceptionName: 'x', stacktrace, timestamp, taskName: 't (1/1)' });
  return {
    problems,
    bottleneck: [found.vertex.id, found.waiting.map((one) => one.id), found.busy, found.held],
    none: graph.bottleneck(job, new Map()) ?? null,
    operators: format.operatorsOf("Source: a(x=[' -> (']) -> Calc(where=[(a -> b)]) -> Sink(table=[t -> u])"),
    titles: ["Source: TableSourceScan(table=[o], fields=[a]) -> Calc(x)", 'Calc(select=[a])', 'Sink(table=[t], fields=[a])'].map(format.title),
    written: [format.count(99999), format.count(1234567), format.bytes(1536), format.duration(59999), format.duration(3723000), format.duration(-1)],
    marks: ['-9223372036854775808', '9223372036854775807', '6000'].map((mark) => format.watermark(mark, 10000).text),
    folded: exceptions.folded([failure('a', 3), failure('a', 2), failure('b', 1)]).map((one) => [one.entry.stacktrace, one.times, one.first]),
  };
})()
"""


def test_what_the_page_works_out(client, tmp_path, browser):
    start(client, tmp_path)
    browser.goto(url=link(client))
    found = browser.evaluate(script=MODULES)
    assert found["problems"] == []
    assert found["bottleneck"] == ["c", ["b"], 0.99, 0.7] and found["none"] is None
    assert found["operators"] == ["Source: a(x=[' -> ('])", "Calc(where=[(a -> b)])", "Sink(table=[t -> u])"]
    assert found["titles"] == ["Source: o", "Calc", "Sink: t"]
    assert found["written"] == ["99,999", "1.23 M", "1.5 KB", "60 s", "1 h 2 min", "\u2013"]
    assert found["marks"] == ["none yet", "end of input", "4.0 s behind"]
    assert found["folded"] == [["a", 2, 2], ["b", 1, 1]]


def test_two_links_are_open_at_once_and_an_application_that_stops_is_said_so(client, tmp_path, browser):
    for name in ["one", "two"]:
        start(client, tmp_path, name)
        browser.goto(page=name, url=link(client, name))
    for name in ["one", "two"]:
        browser.wait_for_text("RUNNING", page=name, selector="header")
        assert name in browser.text(page=name, selector="h1")
    client.stop_application(ApplicationName="one")
    wait_for_status(client, "one", "READY")
    text = browser.wait_for_text("The cluster does not answer.", page="one")
    assert "The application is READY" in text
    # Whoever opens it now is told what to do; the other one goes on.
    browser.goto(page="one", url=browser.url(page="one"))
    assert "millrace app start one" in browser.text(page="one")
    assert "RUNNING" in browser.text(page="two", selector="header")
    client.start_application(ApplicationName="one")
    browser.wait_for_text("RUNNING", page="one")


def test_a_link_that_has_ended_says_what_to_do(stopped_service, tmp_path, browser):
    service = stopped_service.start()
    client = service.client()
    start(client, tmp_path)
    url = link(client)
    browser.goto(url=url)
    browser.wait_for_text("RUNNING", selector="header")
    open_page = browser.url()

    # A page that is open goes on asking a service that is started again, and says so when its link is none any more.
    service.kill()
    browser.wait_for_text("The cluster does not answer.")
    service.start()
    wait_for("the page to find it", lambda: browser.count(selector=".note-box") == 0, 20, 0.1)
    service.kill()
    (service.data_dir / "presigned-urls.key").unlink()
    service.start()
    assert "millrace app url orders" in browser.wait_for_text("This link has ended.")
    assert browser.goto(url=open_page) == 403

    url = link(client)
    assert browser.goto(page="other", url=url[:-1] + ("0" if url[-1] != "0" else "1")) == 403
    text = browser.text(page="other")
    assert "does not open a dashboard any more" in text and "millrace app url" in text
    assert browser.goto(page="other", url=url) == 200
    # A link of one application does not open another's page.
    assert browser.goto(page="other", url=open_page.replace("@orders", "@others") + url[url.index("?"):]) == 403
    assert "millrace app url others" in browser.text(page="other")
    assert browser.evaluate(script="document.cookie") == ""  # the token is out of scripts' reach

    # Scripts are told in text, and cannot change anything.
    for path, status in [("/jobs", 403), (f"/jobs{url[url.index('?'):]}", 200)]:
        try:
            answered = urllib.request.urlopen(url[:url.index("?")] + path).status
        except urllib.error.HTTPError as error:
            answered = error.code
            assert "CreateApplicationPresignedUrl" in error.read().decode()
        assert answered == status
