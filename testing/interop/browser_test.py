"""The demonstration's page in headless Chromium: its scripts run, and live numbers reach it."""

import os
import re
import shutil

import lab

FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", "--no-proxy-server",
         "--window-size=1280,1500"]


class Browser(lab.TestCase):
    def chromium(self, name, *arguments):
        profile = lab.scratch("profile_" + name)
        os.mkdir(profile)
        try:
            return lab.check_run("chromium", *FLAGS, "--user-data-dir=" + profile, *arguments, timeout=120)
        finally:
            shutil.rmtree(profile, ignore_errors=True)

    def test_page_shows_live_numbers(self):
        lab.require(self, "chromium")
        with lab.Server("--listen", "127.0.0.1:0") as server:
            page = self.chromium("dom", "--timeout=4000", "--dump-dom", server.url)
            picture = lab.output("page.png")
            self.chromium("picture", "--timeout=4000", "--screenshot=" + picture, server.url)
        self.assertIn("<title>corelane</title>", page)
        table = re.search(r'<table id="connections">(.*?)</table>', page, re.DOTALL)
        self.assertIsNotNone(table, page)
        rows = re.findall(r"<tr><td.*?</tr>", table.group(1), re.DOTALL)
        self.assertTrue(any("10.77.0.2:80" in row for row in rows), table.group(0))
        with open(picture, "rb") as file:
            self.assertEqual(file.read(8), b"\x89PNG\r\n\x1a\n")


if __name__ == "__main__":
    lab.main(namespace=False)
