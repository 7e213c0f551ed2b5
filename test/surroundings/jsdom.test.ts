// @vitest-environment jsdom
import { describe } from 'vitest';
import { testDomCalls } from './dom-calls.js';

describe('in the environment jsdom', testDomCalls);
