import { after } from "next/server"; // or waitUntil of "@vercel/functions": waitUntil((async () => { … })())

export function tellBackout(id: string, type: string, data: Record<string, unknown>): void {
  after(async () => { // the answer is sent; nobody waits for this, and it never throws
    try {
      const body = JSON.stringify({ specversion: "1.0", id, source: "shop-api", type, time: new Date().toISOString(), data });
      const headers = { authorization: `Bearer ${process.env.BACKOUT_PUBLISH_TOKEN}`, "content-type": "application/json" };
      const answer = await fetch(`${process.env.BACKOUT_URL}/hooks/events`, { method: "POST", headers, body, signal: AbortSignal.timeout(2000) });
      if (!answer.ok) console.error("Backout did not take the event:", answer.status, await answer.text());
    } catch (error) {
      console.error("Backout was not told:", error);
    }
  });
}
