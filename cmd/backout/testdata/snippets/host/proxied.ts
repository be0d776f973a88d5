// What a host does with a request before it reaches the site.
import { proxy } from "../proxy";

const answer = await proxy();
console.log(answer ? `${answer.status} ${answer.headers.get("retry-after")} ${await answer.text()}` : "on to the site");
