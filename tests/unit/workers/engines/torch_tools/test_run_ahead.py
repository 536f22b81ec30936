"""The host is one pass ahead of its GPU at the most; the GPU is played."""

from workers.engines.torch_tools.run_ahead import RunAhead


class PlayedCuda:
    """Notes which passes were waited for."""

    def __init__(self):
        self.recorded = 0
        self.awaited = []

    def Event(self):
        cuda = self

        class Played:
            def record(self):
                cuda.recorded += 1
                self.number = cuda.recorded

            def synchronize(self):
                cuda.awaited.append(self.number)

        return Played()


def test_each_pass_waits_for_the_one_before_it_and_not_for_itself():
    cuda = PlayedCuda()
    ahead = RunAhead("cuda:0", cuda)

    for _ in range(3):
        ahead.passed()

    assert cuda.awaited == [1, 2]


def test_to_settle_waits_for_the_last_one_once():
    cuda = PlayedCuda()
    ahead = RunAhead("cuda:0", cuda)
    ahead.passed()

    ahead.settle()
    ahead.settle()
    ahead.passed()

    assert cuda.awaited == [1]


def test_a_cpu_is_never_waited_for():
    cuda = PlayedCuda()
    ahead = RunAhead("cpu", cuda)

    ahead.passed()
    ahead.settle()

    assert (cuda.recorded, cuda.awaited) == (0, [])
