// What the codec's tests and fuzz targets share: frames made by hand, and what a decoder says to
// bytes that come in pieces, as one text.

#ifndef CORELANE_HTTP_WS_CODEC_HARNESS_H_
#define CORELANE_HTTP_WS_CODEC_HARNESS_H_

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

#include "core/random.h"
#include "http/ws/codec.h"

namespace corelane::ws::testing {

// Masks from a seed.
std::function<MaskKey()> SeededMasks(uint64_t seed);

// A frame as a client sends it, or a server.
std::string ClientFrame(FrameHead head, std::string_view payload);
std::string ServerFrame(FrameHead head, std::string_view payload);
FrameHead Head(Opcode opcode, bool fin = true, bool rsv1 = false);

// "text(abc) ping() close(1000,bye) error(1002,...)", whatever the pieces were. At most `piece`
// bytes are given at a time.
std::string Decoded(Decoder& decoder, std::string_view bytes, size_t piece = SIZE_MAX);

// The bytes of a close frame's payload.
std::string ClosePayload(unsigned code, std::string_view reason = {});

}  // namespace corelane::ws::testing

#endif  // CORELANE_HTTP_WS_CODEC_HARNESS_H_
