/** The embedding worker: turns text into vectors, or runs a ranker. Loaded when one of them is first used. */

import { EmbedderHost } from "./embedder-host.js";
import { RankerHost } from "./ranker-host.js";
import { type ServingScope, serve } from "./serve.js";

serve(self as unknown as ServingScope, {
  embedder: (emit, crashed, given) => new EmbedderHost(emit, crashed, given),
  ranker: (emit, crashed, given) => new RankerHost(emit, crashed, given),
});
