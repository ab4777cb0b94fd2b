/** `npm start`: builds what is missing or has changed and serves the demo on this machine. `PORT` names another port. */
import { join } from "node:path";
import { buildAll } from "./build.mjs";
import { Failure, main, root, say } from "./lib.mjs";
import { createFileServer, listen } from "./serve.mjs";

await main(async () => {
  const port = Number(process.env.PORT ?? 8080);
  if (!Number.isInteger(port) || port < 0 || port > 65535) throw new Failure(`PORT is ${process.env.PORT}, expected a port number`);
  await buildAll();
  const server = createFileServer({ mounts: { "/": join(root, "build/www") } });
  const address = await listen(server, port);
  say(`Homebody's demo is at ${address} (end with Ctrl+C)`);
  for (const signal of ["SIGINT", "SIGTERM"]) {
    process.once(signal, () => {
      server.closeAllConnections();
      server.close(() => process.exit(0));
    });
  }
});
