"""A convolutional network for ten classes: training, scheduler, accuracy, a checkpoint."""

import io

import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim
from torch.optim.lr_scheduler import StepLR
from torch.utils.data import DataLoader, Dataset

device = torch.device("cuda" if torch.cuda.is_available() else "cpu")


class Pictures(Dataset):
    def __init__(self, rng, n):
        self.x = rng.normal(size=(n, 1, 12, 12)).astype("float32")
        self.y = (self.x.mean((1, 2, 3)) > 0).astype("int64") + 2 * rng.integers(0, 2, n)

    def __len__(self):
        return len(self.x)

    def __getitem__(self, i):
        return torch.from_numpy(self.x[i]), int(self.y[i])


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 4, 3, 1)
        self.conv2 = nn.Conv2d(4, 6, 3, padding=1, bias=False)
        self.bn = nn.BatchNorm2d(6)
        self.relu = nn.ReLU(inplace=True)
        self.dropout = nn.Dropout(0.0)
        self.fc = nn.Linear(6 * 5 * 5, 4)
        for m in self.modules():
            if isinstance(m, nn.Conv2d):
                nn.init.kaiming_normal_(m.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, x):
        x = F.relu(self.conv1(x))
        x = self.relu(self.bn(self.conv2(x)))
        x = F.max_pool2d(x, 2)
        x = x.view(-1, self.num_flat_features(x))
        return F.log_softmax(self.fc(self.dropout(x)), dim=1)

    def num_flat_features(self, x):
        n = 1
        for s in x.size()[1:]:
            n *= s
        return n


def models():
    return {"net": Net().to(device)}


def train(models, rng):
    model, losses = models["net"], []
    data = Pictures(rng, 24)
    loader = DataLoader(data, batch_size=8, shuffle=False, pin_memory=True)
    optimizer = optim.SGD(model.parameters(), lr=0.05, momentum=0.9, weight_decay=1e-4)
    scheduler = StepLR(optimizer, step_size=1, gamma=0.7)
    for epoch in range(1, 3):
        model.train()
        assert model.training, epoch
        for inputs, target in loader:
            inputs, target = inputs.to(device), target.to(device, non_blocking=True)
            optimizer.zero_grad()
            loss = F.nll_loss(model(inputs), target)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), max_norm=5.0)
            optimizer.step()
            losses.append(loss.item())
        scheduler.step()
        model.eval()
        test_loss = correct = 0
        with torch.no_grad():
            for inputs, target in loader:
                output = model(inputs.to(device))
                test_loss += F.nll_loss(output, target, reduction="sum").item()
                pred = output.argmax(dim=1, keepdim=True)
                correct += pred.eq(target.view_as(pred)).sum().item()
                _, predicted = torch.max(output.data, 1)
                assert (predicted == target).sum().item() == pred.squeeze(1).eq(target).sum()
        losses += [test_loss / len(loader.dataset), correct / len(data)]
    buffer = io.BytesIO()
    torch.save({"epoch": epoch, "model": model.state_dict(), "opt": optimizer.state_dict()}, buffer)
    buffer.seek(0)
    checkpoint = torch.load(buffer)
    again = Net()
    again.load_state_dict(checkpoint["model"])
    again.eval()
    losses.append(again(torch.from_numpy(data.x[:2])).std(0).sum().item())
    return losses
