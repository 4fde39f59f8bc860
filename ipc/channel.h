/*
 * Channels: seqpacket sockets that carry one frame a datagram. The ends that a worker
 * holds are used with read() and write() alone, so that it can't pass descriptors.
 */
#ifndef IPC_CHANNEL_H
#define IPC_CHANNEL_H

#include "ipc/frame.h"

#define CHANNEL_DESCRIPTORS_MAX 2

enum channel_event {
	CHANNEL_FRAME,	 /* a datagram came; *length bytes, possibly FRAME_MAX + 1:
			    oversized */
	CHANNEL_EMPTY,	 /* a datagram without a byte */
	CHANNEL_NOTHING, /* nothing to read now */
	CHANNEL_CLOSED	 /* the other end is gone, or the socket failed */
};

/* A connected pair, close-on-exec and non-blocking; 0, or -1 with errno. */
int channel_pair(int ends[2]);

/* `buffer` has FRAME_MAX + 1 bytes, so that a longer datagram shows itself. */
enum channel_event channel_receive(int fd, uint8_t *buffer, size_t *length);

/* 0 sent; -1 with errno: EAGAIN when the other end must read first. */
int channel_send(int fd, const uint8_t *bytes, size_t length);

/* The same with descriptors; the receiver owns what it gets (at most
 * CHANNEL_DESCRIPTORS_MAX; further ones are closed and counted as one too many). */
enum channel_event channel_receive_descriptors(
    int fd, uint8_t *buffer, size_t *length, int *descriptors, unsigned *count);
int channel_send_descriptors(
    int fd, const uint8_t *bytes, size_t length, const int *descriptors, unsigned count);

#endif
