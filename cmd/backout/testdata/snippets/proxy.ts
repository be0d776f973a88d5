// proxy.ts of a Next.js 16 site; before that middleware.ts, and the function is called middleware
export const config = { matcher: "/((?!api/version|api/flags|_next/).*)" }; // what Backout proves by stays up

export async function proxy(): Promise<Response | undefined> {
  const [store, key] = process.env.EDGE_CONFIG!.split("?"); // Vercel's connection string: https://edge-config.vercel.com/ecfg_…?token=…
  try {
    const answer = await fetch(`${store}/item/site?${key}`, { cache: "no-store", signal: AbortSignal.timeout(1000) });
    if (answer.ok && (await answer.json()) === false) {
      const headers = { "retry-after": "120", "cache-control": "no-store" }; // payment providers send what got 503 again
      return new Response("We are putting something right. Please come back in a few minutes.", { status: 503, headers });
    }
  } catch (error) {
    console.error("the switch of the site cannot be read, so it stays up:", error);
  }
}
