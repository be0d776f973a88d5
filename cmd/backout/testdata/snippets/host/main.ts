// A function that fails at paying, tells Backout, and answers first.
import { afterAnswer } from "next/server";
import { tellBackout } from "../backout";

async function POST(): Promise<Response> {
  tellBackout(process.argv[2], "backout.webhook.failed", { project: "shop", component: "checkout", provider: "stripe", endpoint: "/api/pay", event_ids: [process.argv[2]], error: "500" });
  return new Response("paid later");
}

const answer = await POST();
console.log("answered", answer.status);
const since = Date.now();
await afterAnswer();
console.log("ended", Date.now() - since);
