// @vitest-environment happy-dom
import { describe } from 'vitest';
import { testDomCalls } from './dom-calls.js';

describe('in the environment happy-dom', testDomCalls);
