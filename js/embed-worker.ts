/** The embedding worker: turns text into vectors. Loaded when text is first used. */

import { EmbedderHost } from "./embedder-host.js";
import { type ServingScope, serve } from "./serve.js";

serve(self as unknown as ServingScope, {
  embedder: (emit, crashed) => new EmbedderHost(emit, crashed),
});
