/** The core worker: ranks for a `Recommender`, or searches for a `VectorIndex`. */

import { RecommenderHost } from "./recommender-host.js";
import { type ServingScope, serve } from "./serve.js";
import { VectorIndexHost } from "./vector-index-host.js";

serve(self as unknown as ServingScope, {
  recommender: (...has) => new RecommenderHost(...has),
  index: (emit, crashed, given) => new VectorIndexHost(emit, crashed, given),
});
