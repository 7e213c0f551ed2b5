import { describe, expect, test } from 'vitest';
import { UploadProgress } from '../../src/invoke/upload-progress.js';

const attemptTimeoutMs = 50;

describe('an upload', () => {
  test('that makes no progress is late after 1 s', () => {
    const upload = new UploadProgress(true, 0);
    upload.onOffered(65_536, 0);
    expect(upload.timeoutMs(attemptTimeoutMs)).toBe(1_000);
    expect(upload.timeoutMs(3_000)).toBe(3_000);
  });

  test('whose pauses are long gets twice the longest pause', () => {
    const upload = new UploadProgress(true, 0);
    upload.onOffered(65_536, 0);
    expect(upload.onOffered(65_536, 800)).toBe(true);
    expect(upload.timeoutMs(attemptTimeoutMs)).toBe(1_600);
  });

  test('without pauses has the attempt timeout after its end', () => {
    const upload = new UploadProgress(true, 0);
    expect(upload.onOffered(65_536, 0)).toBe(false);
    expect(upload.onOffered(65_536, 1)).toBe(false);
    expect(upload.onComplete(2)).toBe(false);
    expect(upload.timeoutMs(attemptTimeoutMs)).toBe(50);
  });

  test('with pauses gives the peer time for the buffers: as long as the upload took', () => {
    const upload = new UploadProgress(true, 0);
    upload.onOffered(4_000_000, 0);
    for (let at = 200; at <= 2_000; at += 200) upload.onOffered(2_000_000, at);
    upload.onComplete(2_001);
    expect(upload.timeoutMs(attemptTimeoutMs)).toBe(2_051);
  });

  test('of a body that is little larger than the buffers gives the peer more time, at most 10 s', () => {
    const upload = new UploadProgress(true, 0);
    upload.onOffered(4_000_000, 0);
    upload.onOffered(1_000_000, 200);
    upload.onComplete(201);
    expect(upload.timeoutMs(attemptTimeoutMs)).toBe(50 + 201 * 8);
    const larger = new UploadProgress(true, 0);
    larger.onOffered(4_000_000, 0);
    larger.onOffered(10_000, 200);
    larger.onComplete(201);
    expect(larger.timeoutMs(attemptTimeoutMs)).toBe(10_050);
  });

  test('of a stream shows nothing by its pauses, since its source may pause', () => {
    const upload = new UploadProgress(false, 0);
    upload.onOffered(65_536, 0);
    expect(upload.onOffered(65_536, 5_000)).toBe(false);
    expect(upload.timeoutMs(attemptTimeoutMs)).toBe(1_000);
    upload.onComplete(10_000);
    expect(upload.timeoutMs(attemptTimeoutMs)).toBe(50);
  });
});
