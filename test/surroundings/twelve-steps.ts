/** What `programs/twelve-steps.mjs` prints in every surrounding. */
export const twelveSteps = `1 start: 3
2 call: a,b,c
3 fetch: 200 true
4 stream to the service: 1000000
5 stream to the caller: 1000000
6 abort: ABORTED unknown
7 deadline: DEADLINE_EXCEEDED unknown
8 reset: OUTCOME_UNKNOWN unknown 1
9 freeze: true
10 kill: true
11 withdraw: a,c
12 close: CLERK_CLOSED none
`;
