/** What the user sees of an interrupted program: 128 + SIGINT. */
export const interruptedExitCode = 130;
