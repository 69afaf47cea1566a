"""Print the table of the beta family in docs/models.md from the models' cards: python docs/beta_family.py"""

from __future__ import annotations

from helpers import pretrained


def rows() -> list[str]:
    """Return the table's lines: the scores of the weights that ship, and recon and KL of every seed."""
    found = ["| weights | β | recon | KL | recon + KL | squared error | SSIM | recon + KL of the three seeds |", "|---" * 8 + "|"]
    names = [name for name in pretrained.names() if name.startswith(("fashion_beta_", "fashion_conv_ae"))]
    cards = {name: pretrained.card(name) for name in names}
    for name, card in sorted(cards.items(), key=lambda one: (one[0] != "fashion_conv_ae", one[1]["recipe"]["beta"])):
        scores, beta = card["scores"], "–" if name == "fashion_conv_ae" else f"{card['recipe']['beta']:g}"
        seeds = ", ".join(f"{run['scores']['recon'] + run['scores']['kl']:.1f}" for run in card["runs"])
        found.append(
            f"| `{name}` | {beta} | {scores['recon']:.1f} | {scores['kl']:.1f} | {scores['recon'] + scores['kl']:.1f} | "
            f"{scores['sse']:.1f} | {scores['ssim']:.3f} | {seeds} |"
        )
    return found


if __name__ == "__main__":
    print("\n".join(rows()))
