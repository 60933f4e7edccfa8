export { type GuestTestOptions, guestTest } from './guest-test.js'
