"""A guest whose runtime is large: what an interpreter costs to load, and hardly anything else."""
from wit_world import WitWorld as World


class WitWorld(World):
    def answer(self, n: int) -> int:
        return sum(int(digit) for digit in str(n))
