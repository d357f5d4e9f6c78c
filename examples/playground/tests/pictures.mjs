// Pictures of the page with spirals, part of the way through training. The main README shows a smaller file.

import { mkdir } from "node:fs/promises";
import { choose, launch, open, serve, until, untilSteps } from "./page.mjs";

const browser = await launch();
const { server, address } = await serve();
await mkdir("pictures", { recursive: true });
for (const colorScheme of ["light", "dark"]) {
  const page = await open(browser, address, { viewport: { width: 920, height: 668 }, colorScheme });
  await until(page, "type", "mlp");
  await choose(page, "speed", "1,000 steps/s");
  await page.click("#run");
  await untilSteps(page, 1200);
  await page.click("#run");
  await page.mouse.move(0, 0);
  await page.waitForTimeout(300);
  await page.screenshot({ path: `pictures/${colorScheme}.png` });
  if (colorScheme === "light") await page.screenshot({ path: "../pictures/playground.jpg", quality: 75 });
}
await browser.close();
server.close();
