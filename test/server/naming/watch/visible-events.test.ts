import { expect, test } from 'vitest';
import type { ResolveResponse } from '../../../../src/protocol/lookup-messages.js';
import type { WatchEvent } from '../../../../src/protocol/watch-messages.js';
import { VisibleEvents } from '../../../../src/server/naming/watch/visible-events.js';

type NameEvent = Parameters<VisibleEvents['filter']>[0];

const put = (name: string, canonical: string): NameEvent => ({
  type: 'put',
  name,
  entry: { name, canonical, kind: 'service' } as ResolveResponse,
  statedAt: 0,
});
const gone: WatchEvent = { type: 'delete', name: '/link' };
const isVisible = (name: string): boolean => !name.startsWith('/hidden');

test('without rights, every event passes', () => {
  const events = new VisibleEvents(undefined);
  const event = put('/link', '/hidden/a');
  expect(events.filter(event)).toBe(event);
  expect(events.filter({ type: 'delete', name: '/link' })).toEqual(gone);
});

test('a link that leads to a hidden name gives one delete if the client has seen the link, and otherwise nothing', () => {
  const events = new VisibleEvents(isVisible);
  expect(events.filter(put('/link', '/hidden/a'))).toBeUndefined();
  expect(events.filter({ type: 'delete', name: '/link' })).toBeUndefined();
  const event = put('/link', '/open/a');
  expect(events.filter(event)).toBe(event);
  expect(events.filter(put('/link', '/hidden/a'))).toEqual(gone);
  expect(events.filter(put('/link', '/hidden/b'))).toBeUndefined();
});

test('a delete passes once after a put, and not after the client has forgotten the name', () => {
  const events = new VisibleEvents(isVisible);
  events.filter(put('/link', '/open/a'));
  expect(events.filter({ type: 'delete', name: '/link' })).toEqual(gone);
  expect(events.filter({ type: 'delete', name: '/link' })).toBeUndefined();
  for (const forget of [() => events.forget('/link'), () => events.forgetAll()]) {
    events.filter(put('/link', '/open/a'));
    forget();
    expect(events.filter({ type: 'delete', name: '/link' })).toBeUndefined();
  }
});
