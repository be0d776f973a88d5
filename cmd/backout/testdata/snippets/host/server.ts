// What a serverless host does around a function: after() keeps work until the
// answer is sent, and then the instance lives until that work has ended.
const later: Array<() => Promise<void>> = [];

export function after(work: () => Promise<void>): void {
  later.push(work);
}

export async function afterAnswer(): Promise<void> {
  for (const work of later.splice(0)) await work();
}
