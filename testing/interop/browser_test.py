"""The demonstration's page in headless Chromium: its scripts run, and live numbers reach it."""

import browser
import lab

# Resolves to the rows of the table of connections, once there are two rounds of numbers.
ROWS = """new Promise(resolve => {
  const texts = () => [...document.querySelectorAll("#connections td")].map(cell => cell.textContent);
  let first = null;
  const look = setInterval(() => {
    const now = texts();
    if (now.length > 0 && first === null) first = now.join();
    if (first !== null && now.join() !== first) { clearInterval(look); resolve(now); }
  }, 50);
})"""


class Browser(lab.TestCase):
    def test_page_shows_live_numbers(self):
        lab.require(self, "chromium")
        with lab.Server("--listen", "127.0.0.1:0") as server, browser.Chromium() as chromium:
            chromium.open(server.url)
            cells = chromium.evaluate(ROWS)
            self.assertEqual(chromium.evaluate("document.title"), "corelane")
            self.assertIn("10.77.0.2:80", cells)
            self.assertIn("ESTABLISHED", [cell.upper() for cell in cells])
            picture = lab.output("page.png")
            chromium.save_picture(picture)
        with open(picture, "rb") as file:
            self.assertEqual(file.read(8), b"\x89PNG\r\n\x1a\n")


if __name__ == "__main__":
    lab.main(namespace=False)
