import * as homebody from "/homebody/index.js";

window.homebody = homebody;

/** The error that a promise (or a function's) rejects with, as plain data. */
window.thrown = async (work) => {
  try {
    await (typeof work === "function" ? work() : work);
  } catch (error) {
    const describe = (error) =>
      error && { name: error.name, code: error.code, message: error.message, cause: describe(error.cause), ours: error instanceof homebody.HomebodyError };
    return describe(error);
  }
  throw new Error("expected an error, got none");
};
