"""FrameNumbers: sees from H.264's own numbering that pictures were lost on the way.

FFmpeg decodes on over a lost picture and shows the wrong pixels without a mark (tried with FFmpeg
8: one P-frame left out of a GOP, 19 wrong pictures, none flagged), so the slice headers are read
here. H.265 needs no such check: its decoder gives nothing out while a reference is missing. Pure;
used by `source`. The syntax is that of ITU-T H.264, 7.3.2.1.1 and 7.3.3.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

NAL_SLICE, NAL_IDR_SLICE, NAL_SPS = 1, 5, 7
REFERENCE_BITS = 0x60  # nal_ref_idc
HIGH_PROFILES = frozenset({100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135})
HEADER_BYTES = 512  # what is read of a NAL unit; a parameter set with all scaling lists fits


@dataclass(frozen=True, slots=True)
class _Numbering:
    """What a sequence parameter set says about frame numbers."""

    bits: int
    gaps_allowed: bool
    separate_planes: bool


class FrameNumbers:
    """Follows the frame numbers of one stream; feed it every packet, decoded or left out.

    `is_spare` says of the last packet that no other picture refers to the one in it, so that it
    need not be decoded (nal_ref_idc 0; ITU-T H.264, 7.4.1).
    """

    def __init__(self, extradata: bytes | None) -> None:
        extradata = extradata or b""
        is_avcc = len(extradata) > 5 and extradata[0] == 1
        self._length_bytes = (extradata[4] & 3) + 1 if is_avcc else 0
        self._numbering: _Numbering | None = None
        self._last: int | None = None
        self.is_spare = False
        for unit in _avcc_parameter_sets(extradata) if self._length_bytes else _annex_b(extradata):
            self._read_unit(unit)

    def restart(self) -> None:
        """The next packet does not follow the last one."""
        self._last = None

    def follows(self, packet: bytes) -> bool:
        """Whether no reference picture is missing between the last packet and this one.

        True where it cannot be told: no parameter set yet, numbering that may have gaps (streams
        with temporal layers), a header that cannot be read.
        """
        self.is_spare = False
        units = _prefixed(packet, self._length_bytes) if self._length_bytes else _annex_b(packet)
        for unit in units:
            number = self._read_unit(unit)
            if number is not None:
                self.is_spare = not unit[0] & REFERENCE_BITS
                return self._is_next(number, unit[0])
        return True

    def _is_next(self, number: int, header: int) -> bool:
        last, numbering = self._last, self._numbering
        is_idr = header & 0x1F == NAL_IDR_SLICE
        if header & REFERENCE_BITS or last is None:
            self._last = number
        if is_idr or last is None or numbering is None or numbering.gaps_allowed:
            return True
        return number in (last, (last + 1) % (1 << numbering.bits))

    def _read_unit(self, unit: bytes) -> int | None:
        """Learn from a parameter set, or give the frame number of a slice."""
        kind = unit[0] & 0x1F if unit else 0
        try:
            if kind == NAL_SPS:
                self._numbering = _parse_parameter_set(_Bits(unit[1:HEADER_BYTES]))
            elif kind in (NAL_SLICE, NAL_IDR_SLICE) and self._numbering is not None:
                return _parse_frame_number(_Bits(unit[1:64]), self._numbering)
        except _HeaderCut:
            return None
        return None


class _HeaderCut(Exception):
    """The header ends before the value that is read."""


class _Bits:
    """Reads a NAL unit's payload bit by bit, without its emulation prevention bytes."""

    def __init__(self, payload: bytes) -> None:
        data = payload.replace(b"\x00\x00\x03", b"\x00\x00")
        self._value = int.from_bytes(data, "big")
        self._left = 8 * len(data)

    def fixed(self, count: int) -> int:
        """u(count)"""
        if count > self._left:
            raise _HeaderCut
        self._left -= count
        return self._value >> self._left & ((1 << count) - 1)

    def exp_golomb(self) -> int:
        """ue(v)"""
        rest = self._value & ((1 << self._left) - 1)
        zeros = self._left - rest.bit_length()
        if zeros > min(32, self._left - 1):
            raise _HeaderCut
        self._left -= zeros
        return self.fixed(zeros + 1) - 1

    def signed_exp_golomb(self) -> int:
        """se(v)"""
        code = self.exp_golomb()
        return (code + 1) // 2 if code % 2 else -(code // 2)


def _parse_parameter_set(bits: _Bits) -> _Numbering:
    profile = bits.fixed(8)
    bits.fixed(16)  # constraints, level
    bits.exp_golomb()  # its id
    separate_planes = False
    if profile in HIGH_PROFILES:
        chroma_format = bits.exp_golomb()
        separate_planes = chroma_format == 3 and bool(bits.fixed(1))
        bits.exp_golomb()  # bit depths
        bits.exp_golomb()
        bits.fixed(1)
        if bits.fixed(1):
            for index in range(12 if chroma_format == 3 else 8):
                if bits.fixed(1):
                    _skip_scaling_list(bits, 16 if index < 6 else 64)
    number_bits = bits.exp_golomb() + 4
    order_type = bits.exp_golomb()
    if order_type == 0:
        bits.exp_golomb()
    elif order_type == 1:
        bits.fixed(1)
        bits.signed_exp_golomb()
        bits.signed_exp_golomb()
        for _ in range(bits.exp_golomb()):
            bits.signed_exp_golomb()
    bits.exp_golomb()  # number of reference frames
    return _Numbering(number_bits, bool(bits.fixed(1)), separate_planes)


def _skip_scaling_list(bits: _Bits, size: int) -> None:
    last = following = 8
    for _ in range(size):
        if following:
            following = (last + bits.signed_exp_golomb()) % 256
        last = following or last


def _parse_frame_number(bits: _Bits, numbering: _Numbering) -> int:
    bits.exp_golomb()  # first macroblock
    bits.exp_golomb()  # slice type
    bits.exp_golomb()  # picture parameter set
    if numbering.separate_planes:
        bits.fixed(2)
    return bits.fixed(numbering.bits)


def _annex_b(data: bytes) -> Iterator[bytes]:
    """NAL units between start codes."""
    start = data.find(b"\x00\x00\x01")
    while start >= 0:
        end = data.find(b"\x00\x00\x01", start + 3)
        yield data[start + 3 : end if end >= 0 else len(data)]
        start = end


def _prefixed(data: bytes, length_bytes: int) -> Iterator[bytes]:
    """NAL units behind their lengths."""
    start = 0
    while start + length_bytes < len(data):
        size = int.from_bytes(data[start : start + length_bytes], "big")
        start += length_bytes
        yield data[start : start + size]
        start += size


def _avcc_parameter_sets(extradata: bytes) -> Iterator[bytes]:
    """The sequence parameter sets of an mp4's decoder configuration (ISO/IEC 14496-15)."""
    start = 6
    for _ in range(extradata[5] & 0x1F):
        size = int.from_bytes(extradata[start : start + 2], "big")
        yield extradata[start + 2 : start + 2 + size]
        start += 2 + size
