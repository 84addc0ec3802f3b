"""Rows for other trainers: clips cut to files, forms by their schemas, and what reads back."""

from fractions import Fraction

import numpy as np
import pytest
from test_video import coded_clip, encoded_clip, number_of

from lib.tools.clips import clip_file, frame_files
from lib.video import VideoError, clip_frames, probe, read_frames


def numbers(path, start=None, end=None):
    """[(second, seconds shown, number drawn into the frame)] of a clip."""
    return [
        (round(second, 4), round(length, 4), number_of(picture))
        for second, length, picture in clip_frames(path, start, end)
    ]


def test_a_clip_is_cut_to_a_file_of_its_frames(tmp_path):
    path = coded_clip(tmp_path / "whole.mp4", 90)
    file = clip_file(path, 1.0, 2.5, tmp_path / "clips")
    assert file.startswith(str(tmp_path / "clips/")) and file.endswith(".mp4")
    assert [number for *_, number in numbers(file)] == [*range(30, 75)]
    assert numbers(file) == numbers(path, 1.0, 2.5) and probe(file)["duration"] == 1.5
    # what a model is shown of the clip is what it is shown of the file
    theirs, _ = read_frames(path, 8, 1.0, 2.5)
    ours, about = read_frames(file, 8)
    assert np.abs(theirs.astype(int) - ours).mean() < 4 and about["duration"] == 1.5
    before = [(entry.name, entry.stat().st_mtime_ns) for entry in (tmp_path / "clips").iterdir()]
    assert clip_file(path, 1.0, 2.5, tmp_path / "clips") == file  # made once
    assert [(entry.name, entry.stat().st_mtime_ns) for entry in (tmp_path / "clips").iterdir()] == before
    assert clip_file(path, 1.0, 2.0, tmp_path / "clips") != file
    assert clip_file(path, None, None, tmp_path / "clips") == str(path)


@pytest.mark.parametrize("name", ["varying.mp4", "varying.mkv", "long.avi"])
def test_frames_are_shown_as_long_as_in_the_video(tmp_path, name):
    # 2 s at 30 frames a second, 2 s at 5
    times = [*range(60), *range(60, 120, 6)]
    path = tmp_path / name
    if name == "long.avi":
        encoded_clip(path, "libx264", preset="veryfast", bf=3, g=12)
        times = [*range(90)]
    else:
        encoded_clip(path, "libx264", times=times, unit=Fraction(1, 30), preset="veryfast", bf=2)
    file = clip_file(path, 1.5, 3.0, tmp_path)
    wanted = [(max(time, 45), n) for n, time in enumerate(times) if 45 <= time < 90]
    ends = [time for time, _ in wanted[1:]] + [90]
    told = [(round((at - 45) / 30, 3), round((end - at) / 30, 3), n) for (at, n), end in zip(wanted, ends)]
    found = [(round(s, 3), round(d, 3), number_of(p)) for s, d, p in clip_frames(file)]
    assert [row[2] for row in found] == [row[2] for row in told]
    assert np.abs(np.array(found) - np.array(told)).max() < 0.002


def test_odd_sides_and_damage_are_met(tmp_path):
    path = coded_clip(tmp_path / "odd.mp4", 40, side=66)
    file = clip_file(path, 0.5, 1.0, tmp_path)
    assert (probe(file)["width"], probe(file)["height"]) == (66, 66)
    with pytest.raises(VideoError, match="the clip starts at 9 s, the video ends at 1.33 s"):
        clip_file(path, 9, 10, tmp_path / "none")
    with pytest.raises(VideoError, match="gone.mp4: no such file"):
        clip_file(tmp_path / "gone.mp4", None, None, tmp_path)
    assert not list((tmp_path / "none").iterdir())


def test_frames_are_written_as_the_stages_show_them(tmp_path):
    import cv2

    path = coded_clip(tmp_path / "whole.mp4", 90)
    files = frame_files(path, 1.0, 2.0, 5, tmp_path / "frames")
    theirs, _ = read_frames(path, 5, 1.0, 2.0)
    ours = [cv2.imread(file)[..., ::-1] for file in files]
    assert (
        [number_of(frame) for frame in ours] == [number_of(frame) for frame in theirs] == [33, 39, 45, 51, 57]
    )
